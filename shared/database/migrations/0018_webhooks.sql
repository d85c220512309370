-- Webhooks: where a user's events are sent to, the secrets that sign them, what waits to be sent, and what came of it.

create table public.webhooks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    url text not null check (length(url) between 1 and 2000),
    description text not null default '' check (length(description) <= 500),
    event_types text[],
    active boolean not null default true,
    disabled_at timestamptz,
    disabled_reason text,
    failing_since timestamptz,
    last_failure_at timestamptz,
    held_until timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on column public.webhooks.event_types is 'Null: every numbered event, those of later versions included.';
comment on column public.webhooks.disabled_reason is 'Why Foretide made it inactive; null where its owner did.';
comment on column public.webhooks.failing_since is 'When the failures began that no success has followed.';
comment on column public.webhooks.held_until is 'Its receiver asked for a pause (Retry-After).';
create index webhooks_owner on public.webhooks (user_id, created_at desc);

-- Secrets that must be read again, and so cannot be hashed: encrypted with a key that is not in the database.
create table public.user_secrets (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    provider text not null,
    webhook_id uuid references public.webhooks (id) on delete cascade,
    encrypted text not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    check ((provider = 'webhook') = (webhook_id is not null))
);
comment on column public.user_secrets.expires_at is 'A secret that was rotated signs until then, beside its successor.';
create index user_secrets_webhook on public.user_secrets (webhook_id, created_at desc);
create index user_secrets_owner on public.user_secrets (user_id, provider);

-- One event for one webhook: the queue and, once it has ended, the log.
create table public.webhook_deliveries (
    id uuid primary key default gen_random_uuid(),
    webhook_id uuid not null references public.webhooks (id) on delete cascade,
    user_id uuid not null,
    event_id uuid not null,
    event_type text not null,
    session_id text references public.training_sessions (session_id) on delete cascade,
    envelope jsonb not null,
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed', 'cancelled')),
    attempts integer not null default 0,
    schedule_start integer not null default 0,
    next_attempt_at timestamptz default clock_timestamp(),
    lease_until timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    unique (webhook_id, event_id),
    check ((status = 'pending') = (next_attempt_at is not null))
);
comment on column public.webhook_deliveries.session_id is 'Null for what outlives its session: the word that it is gone.';
comment on column public.webhook_deliveries.attempts is 'Begun so far; who holds the lease writes under this number alone.';
comment on column public.webhook_deliveries.schedule_start is 'The attempts before the last time that it was asked for anew.';
create index webhook_deliveries_due on public.webhook_deliveries (webhook_id, next_attempt_at, created_at)
    where status = 'pending';
create index webhook_deliveries_leased on public.webhook_deliveries (lease_until) where lease_until is not null;
create index webhook_deliveries_listed on public.webhook_deliveries (webhook_id, created_at desc);
create index webhook_deliveries_session on public.webhook_deliveries (session_id) where session_id is not null;
create index webhook_deliveries_age on public.webhook_deliveries (created_at);

create table public.webhook_attempts (
    delivery_id uuid not null references public.webhook_deliveries (id) on delete cascade,
    number integer not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    status_code integer,
    error text,
    answer text,
    primary key (delivery_id, number)
);

do $$
declare
    _table text;
begin
    foreach _table in array array['webhooks', 'user_secrets', 'webhook_deliveries', 'webhook_attempts'] loop
        execute format('alter table public.%I enable row level security', _table);
        execute format('revoke all on public.%I from anon, authenticated', _table);
        execute format('grant select, insert, update, delete on public.%I to service_role', _table);
    end loop;
    -- Of secrets users see nothing, not even their own encrypted.
    foreach _table in array array['webhooks', 'webhook_deliveries'] loop
        execute format('grant select on public.%I to authenticated', _table);
        execute format(
            'create policy own_rows on public.%I for select to authenticated '
            'using ((select auth.uid()) = user_id)', _table);
    end loop;
end
$$;
grant select on public.webhook_attempts to authenticated;
create policy own_deliveries_attempts on public.webhook_attempts for select to authenticated using (
    exists (
        select from public.webhook_deliveries delivery
        where delivery.id = webhook_attempts.delivery_id and delivery.user_id = (select auth.uid())
    )
);

-- What is to be sent is written with the event itself: a row for each webhook of its user that asks for it, and all or
-- nothing of both. It waits for nobody but who removes a webhook: every service's transactions come through here.
create function foretide.record_deliveries() returns trigger language plpgsql as $$
declare
    _name text := new.routing_key;
    _numbered boolean := new.envelope ? 'sequence';
    _session_id text := new.envelope ->> 'subject';
    _user_id uuid := (new.envelope ->> 'userid')::uuid;
    -- Nobody need be told of a session's other events once it is gone.
    _of_session text := case when _numbered and _name <> 'session.deleted' then _session_id end;
begin
    insert into public.webhook_deliveries (webhook_id, user_id, event_id, event_type, session_id, envelope)
        select hook.id, hook.user_id, new.message_id, _name, _of_session, new.envelope
        from public.webhooks hook
        where hook.user_id = _user_id and hook.active and coalesce(_name = any(hook.event_types), _numbered)
            and (_of_session is null or exists (
                select from public.training_sessions session
                where session.session_id = _of_session and session.user_id = _user_id and session.status <> 'deleting'))
        for key share of hook;
    if _name = 'session.deleted' then
        -- One whose attempt is just being written down is left: of a session that is being deleted none is begun.
        update public.webhook_deliveries set status = 'cancelled', next_attempt_at = null where id in (
            select id from public.webhook_deliveries
            where session_id = _session_id and status = 'pending' for update skip locked);
    end if;
    return null;
end
$$;
revoke all on function foretide.record_deliveries() from public;
create trigger record_deliveries after insert on public.outbox
    for each row when (new.exchange = 'foretide.events') execute function foretide.record_deliveries();
