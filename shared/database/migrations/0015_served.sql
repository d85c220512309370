-- The model that answers forecasts of a session's target: a pointer, which moves when the new model is stored whole.

create table public.served_models (
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    target text not null,
    job_id uuid not null references public.training_jobs (id) on delete cascade,
    pinned boolean not null default false,
    moved_at timestamptz not null default now(),
    primary key (session_id, target)
);
create index served_models_job on public.served_models (job_id);

alter table public.served_models enable row level security;
revoke all on public.served_models from anon, authenticated;
grant select, insert, update, delete on public.served_models to service_role;
grant select on public.served_models to authenticated;
create policy own_rows on public.served_models for select to authenticated using ((select auth.uid()) = user_id);
comment on column public.served_models.pinned is 'A person chose it: runs that complete do not move it.';
