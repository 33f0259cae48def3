-- One row per source of which staging has more or fewer rows than this run
-- reads of its landed ones.
{% set staging = {
    'listening_history': ref('stg_landing__listens'),
    'spotify_history': ref('stg_landing__spotify_listens'),
    'spotify_account_history': ref('stg_landing__spotify_account_listens'),
    'listenbrainz_listens': ref('stg_landing__listenbrainz_listens'),
    'lastfm_scrobbles': ref('stg_landing__lastfm_listens'),
    'track_features': ref('stg_landing__tracks'),
} %}
with

landed as (

    {% for source_name in staging %}
        select
            '{{ source_name }}' as source_name,
            count(*) as rows_counted
        from {{ source('landing', source_name) }}
        where batch_id <= {{ batch_watermark() }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

staged as (

    {% for source_name, model in staging.items() %}
        select
            '{{ source_name }}' as source_name,
            count(*) as rows_counted
        from {{ model }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

differences as (

    select
        landed.source_name,
        landed.rows_counted as rows_landed,
        staged.rows_counted as rows_staged
    from landed
    inner join staged
        on landed.source_name = staged.source_name
    where landed.rows_counted <> staged.rows_counted

)

select * from differences
