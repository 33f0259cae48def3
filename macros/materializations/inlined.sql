{#- In a speed run: leaves the SQL of a model to those that read it, instead of a view
    that Spark would resolve again for each of them. Without comments and indents: the
    metastore holds no view text above 32,700 characters. -#}
{% macro inlined(sql) %}
    {%- set lines = modules.re.sub('(?m)^\\s*(--.*)?\\n?', '', sql) -%}
    {%- do run_facts().inlined.update({this.identifier: '(\n' ~ lines ~ '\n)'}) -%}
    {%- call noop_statement('main', 'inlined') -%}{%- endcall -%}
{% endmacro %}
