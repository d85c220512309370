-- One-shot forecasts. The intake makes an ordinary session of each; the job's row follows that session by its events.
-- Everything of a job lies under its own folder in the bucket forecast-uploads: {user_id}/{id}/input.csv and what is
-- made of it. Before it is started the row owns the folder, afterwards its session's file does.

create table public.forecast_jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
    file_name text not null,
    input_file_path text not null unique,
    output_file_path text,
    forecast_id uuid,
    session_id text unique references public.training_sessions (session_id),
    announced_bytes bigint not null default 0 check (announced_bytes >= 0),
    raw jsonb,
    canonical jsonb,
    analysis jsonb,
    columns jsonb,
    time_candidates jsonb,
    preview jsonb,
    choices jsonb,
    model_used text,
    metrics jsonb,
    error_message text,
    problem jsonb,
    followed bigint not null default 0,
    removing boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    expires_at timestamptz not null
);
comment on column public.forecast_jobs.input_file_path is 'Key in the bucket forecast-uploads.';
comment on column public.forecast_jobs.output_file_path is 'Key in the bucket forecast-uploads.';
comment on column public.forecast_jobs.analysis is 'Null while the file is being received; such a job is nobody''s yet.';
comment on column public.forecast_jobs.followed is 'Number of the session''s last event that status and metrics say.';
comment on column public.forecast_jobs.removing is 'Its objects are going, and the row after them.';
create index idx_forecast_jobs_user_id on public.forecast_jobs (user_id, created_at desc);
create index idx_forecast_jobs_forecast_id on public.forecast_jobs (forecast_id) where forecast_id is not null;
create index idx_forecast_jobs_status on public.forecast_jobs (status);
create index idx_forecast_jobs_expiry on public.forecast_jobs (expires_at) where session_id is null;
create trigger forecast_jobs_updated before update on public.forecast_jobs
    for each row execute function foretide.touch_updated_at();

alter table public.forecast_jobs enable row level security;
revoke all on public.forecast_jobs from anon, authenticated;
grant select on public.forecast_jobs to authenticated;
grant select, insert, update, delete on public.forecast_jobs to service_role;
create policy own_rows on public.forecast_jobs for select to authenticated using ((select auth.uid()) = user_id);

-- Bytes of files that no session has taken yet; once one has, they are counted with its files.
create function foretide.forecast_storage_used(_user_id uuid) returns bigint language sql stable as $$
    select coalesce(sum(case
        when job.raw is null then job.announced_bytes
        else (job.raw ->> 'bytes')::bigint + (job.canonical ->> 'bytes')::bigint
    end), 0)::bigint
    from public.forecast_jobs job
    where job.user_id = _user_id and job.session_id is null and not job.removing
$$;
revoke all on function foretide.forecast_storage_used from public;
grant execute on function foretide.forecast_storage_used to service_role;

alter function foretide.storage_used(uuid) rename to training_storage_used;
create function foretide.storage_used(_user_id uuid) returns bigint language sql stable as $$
    select foretide.training_storage_used(_user_id) + foretide.forecast_storage_used(_user_id)
$$;
revoke all on function foretide.storage_used from public;
grant execute on function foretide.storage_used to service_role;
