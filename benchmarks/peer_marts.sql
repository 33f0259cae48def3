-- The marts as one would write them in DuckDB, from the same CSV files.
create table log as
select distinct
    listener as listener_id,
    id as track_id,
    "timestamp" as listened_at,
    ms_played
from read_csv('{folder}/plays_*.csv', types = {'timestamp': 'timestamp'})
where listener is not null and id is not null and "timestamp" is not null;

create table tracks as
select * from read_csv('{folder}/tracks.csv');

create table listener_tracks as
select
    listener_id,
    track_id,
    count(*) as frequency,
    min(listened_at) as first_listened_at,
    max(listened_at) as last_listened_at,
    sum(coalesce(ms_played, tracks.duration_ms)) as listen_ms
from log left join tracks on log.track_id = tracks.id
group by all;

create table listener_track_rfm as
with span as (select min(listened_at) as base, max(listened_at) as newest from log)
select
    *,
    epoch(first_listened_at) - epoch(base) as first_recency_s,
    epoch(last_listened_at) - epoch(base) as last_recency_s,
    epoch(newest) - epoch(last_listened_at) as age_s
from listener_tracks cross join span;

create table listener_days as
select listener_id, cast(listened_at as date) as listened_on, count(*) as listens
from log group by all;

create table track_days as
select track_id, cast(listened_at as date) as listened_on, count(*) as listens,
    sum(ms_played) as listen_ms
from log group by all;

create table listener_rfm as
with measured as (
    select
        listener_id,
        sum(frequency) as frequency,
        min(age_s) as age_s,
        sum(listen_ms) as listen_ms
    from listener_track_rfm group by all
), active as (
    select listener_id, count(*) - 1 as btyd_frequency,
        max(listened_on) - min(listened_on) as btyd_recency
    from listener_days group by all
), cuts as (
    select quantile_cont(age_s, [.2, .4, .6, .8]) as ages,
        quantile_cont(frequency, [.2, .4, .6, .8]) as frequencies,
        quantile_cont(listen_ms, [.2, .4, .6, .8]) as times
    from measured
)
select *,
    5 - len(list_filter(ages, cut -> age_s > cut)) as recency_score,
    1 + len(list_filter(frequencies, cut -> frequency > cut)) as frequency_score,
    1 + len(list_filter(times, cut -> listen_ms > cut)) as monetary_score
from measured join active using (listener_id) cross join cuts;

create table track_rfm as
with measured as (
    select
        track_id,
        sum(frequency) as frequency,
        min(age_s) as age_s,
        sum(listen_ms) as listen_ms
    from listener_track_rfm group by all
), active as (
    select track_id, count(*) - 1 as btyd_frequency,
        max(listened_on) - min(listened_on) as btyd_recency
    from track_days group by all
), cuts as (
    select quantile_cont(age_s, [.2, .4, .6, .8]) as ages,
        quantile_cont(frequency, [.2, .4, .6, .8]) as frequencies,
        quantile_cont(listen_ms, [.2, .4, .6, .8]) as times
    from measured
)
select *,
    5 - len(list_filter(ages, cut -> age_s > cut)) as recency_score,
    1 + len(list_filter(frequencies, cut -> frequency > cut)) as frequency_score,
    1 + len(list_filter(times, cut -> listen_ms > cut)) as monetary_score
from measured join active using (track_id) cross join cuts;

create table track_popularity as
with newest as (select max(listened_on) as today from track_days),
heard_by as (
    select track_id, count(*) as listener_count from listener_tracks group by all
)
select
    track_id,
    sum(listens) as listen_count,
    sum(listens) filter (today - listened_on < 7) as listens_7d,
    sum(listens) filter (today - listened_on < 30) as listens_30d,
    sum(listens * 2 ** (-(today - listened_on) / 30)) as decayed_30d,
    any_value(listener_count) as listener_count
from track_days join heard_by using (track_id) cross join newest
group by all;

create table key_frequency as
select key, count(*) as track_count, sum(listen_count) as listen_count
from tracks left join track_popularity on tracks.id = track_popularity.track_id
group by all;

create table track_pairs as
with recent as (
    select listener_id, track_id from listener_tracks
    qualify row_number() over (
        partition by listener_id order by last_listened_at desc, track_id
    ) <= 100
)
select one.track_id, other.track_id as paired_track_id, count(*) as co_listener_count
from recent as one join recent as other
    on one.listener_id = other.listener_id and one.track_id <= other.track_id
group by all;

create table track_neighbours as
with listeners as (
    select track_id, co_listener_count as listeners from track_pairs
    where track_id = paired_track_id
), compared as (
    select pairs.track_id, pairs.paired_track_id,
        round(pairs.co_listener_count / (sqrt(a.listeners * b.listeners) + 10), 9)
            as similarity
    from track_pairs as pairs
    join listeners as a on pairs.track_id = a.track_id
    join listeners as b on pairs.paired_track_id = b.track_id
    where pairs.track_id <> pairs.paired_track_id
), both_ways as (
    select track_id, paired_track_id as neighbour_track_id, similarity from compared
    union all
    select paired_track_id, track_id, similarity from compared
)
select *, row_number() over (
    partition by track_id order by similarity desc, neighbour_track_id
) as neighbour_rank
from both_ways
qualify neighbour_rank <= 50;
