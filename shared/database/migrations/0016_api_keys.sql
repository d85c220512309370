-- Keys for machines: each opens the forecasts of one session. Of the key itself there is only its hash.

create table public.api_keys (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    prefix text not null unique,
    hash bytea not null check (length(hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    last_used_at timestamptz
);
comment on column public.api_keys.prefix is 'How the key begins: shown, and what it is found by.';
comment on column public.api_keys.hash is 'SHA-256 of the whole key, of which 256 bits are random.';
create index api_keys_session on public.api_keys (session_id, created_at desc);

alter table public.api_keys enable row level security;
revoke all on public.api_keys from anon, authenticated;
grant select (id, session_id, user_id, name, prefix, created_at, expires_at, revoked_at, last_used_at)
    on public.api_keys to authenticated;
grant select, insert, update, delete on public.api_keys to service_role;
create policy own_rows on public.api_keys for select to authenticated using ((select auth.uid()) = user_id);

-- What a one-shot job ends with, by name; set when all of it is stored.
alter table public.forecast_jobs add column outputs jsonb;
comment on column public.forecast_jobs.outputs is 'References of output.json, forecast.csv and forecast.png.';
