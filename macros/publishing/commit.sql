{#- Under the lock: what this run read must still be published, and no child may
    stay older than its parent, except that batch-only models do not follow the
    speed layers. Then the switch. -#}
{% macro commit(run, candidates) %}
    {%- set new = run.mine + run.adopted -%}
    {%- set published = placements(
        target.schema ~ ".publication where until is null and model <> 'publication'"
    ) -%}
    {%- for model, place in published.items() -%}
        {%- set read = run.placed.get(model, {}) -%}
        {%- if model not in new and read.get('build') != place.build
            or place.upto > run.upto -%}
            {% do unlock('Another run published ' ~ model ~ ' of ' ~ place.build
                ~ ' meanwhile: run this one again.') %}
        {%- endif -%}
    {%- endfor -%}
    {%- set names = graph.nodes.values()
        | rejectattr('config.materialized', 'equalto', 'ephemeral')
        | map(attribute='name') | list -%}
    {%- set gone = published.keys() | reject('in', names) | list -%}
    {%- for node in graph.nodes.values()
        if node.name in published and node.name not in new + gone and not run.speed -%}
        {%- set parents = node.depends_on.nodes | list -%}
        {#- The list grows while it is read: through what has no table of its own. -#}
        {%- for id in parents -%}
            {%- set parent = graph.nodes.get(id) -%}
            {%- if parent and parent.config.materialized == 'ephemeral' -%}
                {%- do parents.extend(parent.depends_on.nodes) -%}
            {%- elif parent and parent.name in new -%}
                {% do unlock(node.name ~ ' would stay older than ' ~ parent.name
                    ~ ', which it reads: select it too (`' ~ parent.name ~ '+`).') %}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if run.adopt -%}
        {%- set candidates = candidates ~ ' union all select * from ' ~ run.adopt
            ~ ".receipt where model not in ('" ~ run.mine | join("', '") ~ "')" -%}
    {%- endif -%}
    {% do write_publication(
        "model in ('" ~ (new + gone) | join("', '") ~ "')", candidates
    ) %}
{% endmacro %}
