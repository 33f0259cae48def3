{#- The quantile of the standard normal distribution at `p` (0 < p < 1), which
    Spark lacks: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the
    Normal Distribution", Applied Statistics 37 (1988), routine PPND7; about
    seven correct digits, one more than a float holds. -#}
{% macro standard_normal_quantile(p) -%}
    {%- set q = '(' ~ p ~ ' - 0.5D)' -%}
    {%- set r = '(0.180625D - ' ~ q ~ ' * ' ~ q ~ ')' -%}
    {%- set t = 'sqrt(-ln(least(' ~ p ~ ', 1 - ' ~ p ~ ')))' -%}
    {%- set near = '(' ~ t ~ ' - 1.6D)' -%}
    {%- set far = '(' ~ t ~ ' - 5D)' -%}
case
        when abs({{ q }}) <= 0.425D
            then {{ q }} * {{ polynomial(r, [
                '3.3871327179', '50.434271938', '159.29113202', '59.109374720',
            ]) }} / {{ polynomial(r, [
                '1', '17.895169469', '78.757757664', '67.187563600',
            ]) }}
        when {{ t }} <= 5D
            then sign({{ q }}) * {{ polynomial(near, [
                '1.4234372777', '2.7568153900', '1.3067284816', '0.17023821103',
            ]) }} / {{ polynomial(near, [
                '1', '0.73700164250', '0.12021132975',
            ]) }}
        else sign({{ q }}) * {{ polynomial(far, [
            '6.6579051150', '3.0812263860', '0.42868294337', '0.017337203997',
        ]) }} / {{ polynomial(far, [
            '1', '0.24197894225', '0.012258202635',
        ]) }}
    end
{%- endmacro %}
