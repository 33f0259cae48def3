-- One row per repeats source, listener and recording to play again: what they
-- heard often, in all or lately. The order is that of the sum over the listens
-- of 2^(-age / half-life): a personalised most popular list. The strength is
-- its root, or one favourite would leave the others nothing in the blend.
with

listener_recordings as (

    select * from {{ ref('int_listener_recordings') }}

),

sources as (

    select * from {{ ref('candidate_sources') }}

),

proposed as (

    select
        listener_id,
        recording_id as track_id,
        listen_count,
        last_counted_at,
        stack(
            4,
            'repeats_7d', sqrt(decayed_7d),
            'repeats_30d', sqrt(decayed_30d),
            'repeats_90d', sqrt(decayed_90d),
            'repeats_all', sqrt(listen_count)
        ) as (source, amount)
    from listener_recordings
    where listen_count > 0

),

{{ ranked_candidates('listener_id, source') }},

repeated as (

    select
        listener_id,
        track_id,
        source,
        strength,
        rank_in_source,
        format_string(
            'played %s, last on %s',
            if(listen_count = 1, 'once', concat(listen_count, ' times')),
            cast({{ utc_date('last_counted_at') }} as string)
        ) as reason
    from candidates

)

select * from repeated
