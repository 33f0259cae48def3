{#- Which batches above the batch layer the tail of this code `holds`, and which it
    `lacks` up to what `arrived`: ranges, each above its first number and up to its
    second. A tail that was published was filled from the batch layer of its time on.
    So after a rollback it may hold more than is published, and others may be reading
    that; and what a batch had counted itself is missing before what came later. -#}
{% macro tail_ranges(code, batch, arrived) %}
    {%- set publication = target.schema ~ '.publication' -%}
    {%- set holds, lacks, seen = [], [], namespace(upto=batch) -%}
    {%- for after, upto in run_query(
        "select distinct log.upto, tail.upto from " ~ publication ~ " as tail"
        ~ " inner join " ~ publication ~ " as log"
        ~ " on tail.fingerprint = log.fingerprint and tail.since >= log.since"
        ~ " and (log.until is null or tail.since < log.until)"
        ~ " where tail.model = 'int_listens_tail' and log.model = 'int_listens_log'"
        ~ " and tail.fingerprint = '" ~ code ~ "' order by 1, 2"
    ).rows -%}
        {%- if after > seen.upto -%}
            {%- do lacks.append([seen.upto, after]) -%}
            {%- set seen.upto = after -%}
        {%- endif -%}
        {%- if upto > seen.upto -%}
            {%- do holds.append([seen.upto, upto]) -%}
            {%- set seen.upto = upto -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if arrived > seen.upto -%}
        {%- do lacks.append([seen.upto, arrived]) -%}
        {%- set seen.upto = arrived -%}
    {%- endif -%}
    {{ return({'holds': holds, 'lacks': lacks, 'upto': seen.upto}) }}
{% endmacro %}
