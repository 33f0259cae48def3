{#- A landed cell as bigint; null unless its value is whole and from `low` to
    `high`: `4.0` and `4e0` are 4, `4.5` is nothing. By way of a decimal: a double
    would round 9007199254740993. What the decimal in turn would round away, a tenth
    place after the point or a negative exponent, is refused by the pattern. Plain digits,
    which most files write, need no decimal. -#}
{% macro whole_number_between(column, low, high=9223372036854775807) -%}
    {%- set number = 'try_cast(' ~ cleaned(column) ~ ' as decimal(38, 9))' -%}
case
        when {{ cleaned(column) }} rlike '^[0-9]{1,18}$'
            then
                if(
                    cast({{ cleaned(column) }} as bigint) between {{ low }} and {{ high }},
                    cast({{ cleaned(column) }} as bigint),
                    null
                )
        when
            {{ cleaned(column) }} rlike '^[+-]?[0-9]+([.][0-9]{0,9}0*)?([eE][+]?[0-9]+)?$'
            and {{ number }} % 1 = 0
            and {{ number }} between {{ low }} and {{ high }}
            then cast({{ number }} as bigint)
    end
{%- endmacro %}
