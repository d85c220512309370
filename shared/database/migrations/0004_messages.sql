-- Outbox, inbox and each session's numbered events.

create table public.outbox (
    position bigserial primary key,
    message_id uuid not null,
    exchange text not null,
    routing_key text not null,
    envelope jsonb not null,
    recorded_at timestamptz not null default now(),
    sent_at timestamptz
);
create index outbox_unsent on public.outbox (position) where sent_at is null;
create index outbox_sent on public.outbox (sent_at) where sent_at is not null;

create table public.inbox (
    consumer text not null,
    message_id uuid not null,
    handled_at timestamptz not null default now(),
    primary key (consumer, message_id)
);
create index inbox_handled on public.inbox (handled_at);

create table public.session_events (
    session_id text not null references public.training_sessions (session_id) on delete cascade,
    sequence bigint not null,
    event_id uuid not null,
    name text not null,
    envelope jsonb not null,
    recorded_at timestamptz not null default now(),
    primary key (session_id, sequence)
);

-- Records one message in the caller's transaction. An event (_sequenced) takes the next number of its session:
-- the update locks the session's row until commit, so numbers are given in the order in which they become visible.
create function foretide.record_message(
    _exchange text, _routing_key text, _sequenced boolean, _message_id uuid, _type text, _source text,
    _session_id text, _user_id text, _traceparent text, _data jsonb
) returns bigint language plpgsql as $$
declare
    _sequence bigint;
    _envelope jsonb;
begin
    if _sequenced then
        update public.training_sessions set last_sequence = last_sequence + 1
            where session_id = _session_id returning last_sequence into _sequence;
        if not found then
            raise exception 'there is no session % to record % for', _session_id, _type;
        end if;
    end if;
    _envelope := jsonb_strip_nulls(jsonb_build_object(
        'specversion', '1.0', 'id', _message_id, 'source', _source, 'type', _type, 'subject', _session_id,
        'time', to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json', 'sequence', _sequence::text, 'userid', _user_id,
        'traceparent', _traceparent
    )) || jsonb_build_object('data', _data);
    if _sequenced then
        insert into public.session_events (session_id, sequence, event_id, name, envelope)
            values (_session_id, _sequence, _message_id, _routing_key, _envelope);
    end if;
    insert into public.outbox (message_id, exchange, routing_key, envelope)
        values (_message_id, _exchange, _routing_key, _envelope);
    return _sequence;
end
$$;

-- When each piece of scheduled work last began and last succeeded: the schedule survives restarts, and replicas
-- share it.
create table foretide.sweeps (
    name text primary key,
    last_begun timestamptz not null default now(),
    last_succeeded timestamptz
);
