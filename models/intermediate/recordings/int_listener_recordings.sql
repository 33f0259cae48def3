-- One row per listener and recording heard, over all layers: what retrieval
-- counts. A listen counts unless it is known to have been a skip: shorter than
-- 30 seconds and than half the track. Ages look back from the listener's own
-- last day: who has been away for years has favourites too.
with

listens as (

    select * from {{ ref('int_listens_merged') }}

),

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

judged as (

    select
        listens.listener_id,
        -- A track that arrived after the batch is a recording of its own.
        coalesce(recordings.recording_id, listens.track_id) as recording_id,
        if(
            coalesce(
                listens.ms_played >= least(
                    {{ var('shortest_listen_ms') }}, recordings.duration_ms / 2
                ),
                true
            )
            -- Without the var `as_of`, all are before it.
            and listens.listened_at <= coalesce(
                try_cast(nullif('{{ var("as_of") }}', '') as timestamp),
                listens.listened_at
            ),
            listens.listened_at,
            null
        ) as counted_at
    from listens
    left outer join recordings
        on listens.track_id = recordings.track_id

),

aged as (

    select
        *,
        date_diff(
            {{ utc_date('max(counted_at) over (partition by listener_id)') }},
            {{ utc_date('counted_at') }}
        ) as age_days
    from judged

),

counted as (

    select
        listener_id,
        recording_id,
        count(counted_at) as listen_count,
        {{ decayed_sum('1', 'age_days', 7) }} as decayed_7d,
        {{ decayed_sum('1', 'age_days', 30) }} as decayed_30d,
        {{ decayed_sum('1', 'age_days', 90) }} as decayed_90d,
        max(counted_at) as last_counted_at
    from aged
    group by listener_id, recording_id

)

select * from counted
