-- One row per landed line of any listening history. A new source of listens is
-- one more line here.
{% set histories = [
    ('landing.listening_history', ref('stg_landing__listens')),
    ('landing.spotify_history', ref('stg_landing__spotify_listens')),
    ('landing.spotify_account_history', ref('stg_landing__spotify_account_listens')),
    ('landing.listenbrainz_listens', ref('stg_landing__listenbrainz_listens')),
    ('landing.lastfm_scrobbles', ref('stg_landing__lastfm_listens')),
] %}
with

unioned as (

    {% for source_name, staged in histories %}
        select
            '{{ source_name }}' as source_name,
            listener_id,
            track_id,
            artist,
            title,
            source_file,
            raw_line,
            landed_row,
            rejection_reason,
            batch_id,
            chunk,
            source_line,
            ms_played,
            listened_at,
            landed_at
        from {{ staged }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from unioned
