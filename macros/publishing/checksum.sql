{#- Hash of all that decides what a node makes of its parents: its SQL or seed
    file, the macros it calls, and the vars that these read. How a run publishes
    is no part of it. -#}
{% macro checksum(node) %}
    {%- set texts, seen = [node.raw_code or node.checksum.checksum], [] -%}
    {%- set calls = node.depends_on.macros | list -%}
    {#- The list grows while it is read: macros call macros. -#}
    {%- for id in calls if id.startswith('macro.encore.') and id not in seen -%}
        {%- do seen.append(id) -%}
        {%- set called = context[id.split('.')[-1]].macro -%}
        {%- if not called.original_file_path.startswith(
            ('macros/publishing', 'macros/materializations')
        ) -%}
            {%- do texts.append(called.macro_sql) -%}
            {%- do calls.extend(called.depends_on.macros) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in modules.re.findall('var\\(.(\\w+)', texts | join) | unique | sort -%}
        {%- do texts.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    {{ return(local_md5(texts | sort | join('\n'))[:12]) }}
{% endmacro %}
