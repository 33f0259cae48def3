{#- A landed cell as double; null unless it is a finite number from `low` to
    `high`, both included; without bounds, any finite number. -#}
{% macro number_between(column, low=none, high=none) -%}
case
        when
            {{ cleaned(column) }} rlike '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$'
            and abs(try_cast({{ cleaned(column) }} as double)) < double('infinity')
            {%- if low is not none %}
            and try_cast({{ cleaned(column) }} as double) >= {{ low }}
            {%- endif %}
            {%- if high is not none %}
            and try_cast({{ cleaned(column) }} as double) <= {{ high }}
            {%- endif %}
            then try_cast({{ cleaned(column) }} as double)
    end
{%- endmacro %}
