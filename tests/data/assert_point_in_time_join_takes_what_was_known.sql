-- One row per question that is answered by another feature row than it should
-- be: at the moment, at the limit of the age, late, tied, and without a key.
with

questions as (

    select
        stack(
            8,
            'before all', 'a', timestamp '2024-01-01T09:59:59.999999Z', null,
            'at the moment', 'a', timestamp '2024-01-01T10:00:00Z', 1,
            'oldest allowed', 'a', timestamp '2024-01-01T10:01:00Z', 1,
            'too old', 'a', timestamp '2024-01-01T10:01:00.000001Z', null,
            'last arrival', 'a', timestamp '2024-01-01T11:00:10Z', 3,
            'greatest value', 'a', timestamp '2024-01-01T12:00:10Z', 7,
            'unknown', 'b', timestamp '2024-01-01T12:00:10Z', null,
            'no key', null, timestamp '2024-01-01T12:00:10Z', null
        ) as (question, feature_key, asked_at, expected)

),

features as (

    select
        stack(
            7,
            'a', timestamp '2024-01-01T10:00:00Z', 4, 1,
            'a', timestamp '2024-01-01T11:00:00Z', 2, 2,
            'a', timestamp '2024-01-01T11:00:00Z', 5, 3,
            'a', timestamp '2024-01-01T10:59:59Z', 9, 4,
            'a', timestamp '2024-01-01T12:00:00Z', 6, 7,
            'a', timestamp '2024-01-01T12:00:00Z', 6, 5,
            null, timestamp '2024-01-01T12:00:00Z', 6, 8
        ) as (feature_key, known_at, batch_id, answer)

),

answered as (

    {{ point_in_time_join(
        spine='questions',
        features='features',
        keys=['feature_key'],
        columns=['answer'],
        spine_at='asked_at',
        features_at='known_at',
        ttl_s=60,
        ties=['batch_id'],
    ) }}

),

differing as (

    select
        question,
        expected,
        answer
    from answered
    where answer is distinct from expected

)

select * from differing
