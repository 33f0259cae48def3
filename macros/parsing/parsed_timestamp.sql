{#- A cleaned cell as timestamp; null unless it is a full date with an optional
    time and zone (Z, UTC, a numeric offset, Region/City), or an epoch of 10
    (seconds) or 13 (milliseconds) digits. Without a zone it is UTC whatever the
    session's zone is: a cast alone reads `14:30` as today and `CST` as
    Chicago. What most files write, a date and a time to the second without a zone or
    with Z, is cast as it stands: taking it apart costs twenty times as much. -#}
{% macro parsed_timestamp(column) -%}
    {%- set pattern = (
        '^([0-9]{4}-[0-9]{2}-[0-9]{2})'
        ~ '([T ]([0-9]{2}:[0-9]{2})(:([0-9]{2}([.][0-9]+)?))?)?'
        ~ ' *(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?|[A-Za-z_]+/[A-Za-z0-9_/+-]+)?$'
    ) -%}
    {%- set part = "regexp_extract(" ~ column ~ ", '" ~ pattern ~ "', " -%}
case
        when
            {{ column }}
            rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z?$'
            then try_cast(trim(trailing 'Z' from {{ column }}) || 'Z' as timestamp)
        when {{ column }} rlike '^[0-9]{10}([.][0-9]{1,9})?$'
            then timestamp_seconds(cast({{ column }} as decimal(19, 9)))
        when {{ column }} rlike '^[0-9]{13}$'
            then timestamp_millis(cast({{ column }} as bigint))
        else try_cast(
            concat(
                nullif({{ part }}1), ''),
                'T',
                coalesce(nullif({{ part }}3), ''), '00:00'),
                ':',
                coalesce(nullif({{ part }}5), ''), '00'),
                coalesce(nullif({{ part }}7), ''), 'Z')
            ) as timestamp
        )
    end
{%- endmacro %}
