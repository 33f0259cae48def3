-- One row per popular source and recording of its list: the most heard as of
-- `as_of`, with listens that halve every 7, 30 or 90 days, or plain ones of the
-- last 30 days. The same for everybody, so it is no part of the speed layers.
with

track_days as (

    select * from {{ ref('agg_track_days') }}

),

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

sources as (

    select * from {{ ref('candidate_sources') }}

),

aged as (

    select
        recordings.recording_id as track_id,
        track_days.listen_count - track_days.skip_count as listen_count,
        date_diff(
            {{ utc_date('span.as_of') }}, track_days.listened_date
        ) as age_days
    from track_days
    inner join recordings
        on track_days.track_id = recordings.track_id
    cross join span

),

proposed as (

    select
        track_id,
        sum(if(age_days < 30, listen_count, 0)) as listens_30d,
        stack(
            4,
            'popular_last_30d',
            cast(sum(if(age_days < 30, listen_count, 0)) as double),
            'popular_7d', {{ decayed_sum('listen_count', 'age_days', 7) }},
            'popular_30d', {{ decayed_sum('listen_count', 'age_days', 30) }},
            'popular_90d', {{ decayed_sum('listen_count', 'age_days', 90) }}
        ) as (source, amount)
    from aged
    where age_days >= 0
    group by track_id

),

{{ ranked_candidates('source') }},

popular as (

    select
        source,
        track_id,
        strength,
        rank_in_source,
        concat('listens by all in the last 30 days: ', listens_30d) as reason
    from candidates

)

select * from popular
