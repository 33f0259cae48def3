{#- A landed cell as bigint; null unless its value is whole and from `low` to
    `high`: `4.0` is 4 and `4.5` is nothing. By way of a decimal: a double
    would round 9007199254740993. -#}
{% macro whole_number_between(column, low, high=9223372036854775807) -%}
    {%- set number = 'try_cast(' ~ cleaned(column) ~ ' as decimal(38, 9))' -%}
case
        when
            {{ number }} % 1 = 0
            and {{ number }} between {{ low }} and {{ high }}
            then cast({{ number }} as bigint)
    end
{%- endmacro %}
