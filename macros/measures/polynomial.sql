{#- A polynomial of `x` by Horner's rule, its coefficients (texts) in ascending
    order of powers, as doubles: Spark reads plain literals as decimals. -#}
{% macro polynomial(x, coefficients) -%}
    {%- set terms = namespace(text=coefficients[-1] ~ 'D') -%}
    {%- for coefficient in coefficients[:-1] | reverse -%}
        {%- set terms.text = (
            '(' ~ terms.text ~ ' * ' ~ x ~ ' + ' ~ coefficient ~ 'D)'
        ) -%}
    {%- endfor -%}
    {{- terms.text -}}
{%- endmacro %}
