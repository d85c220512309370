-- Deletions that can be asked about, budgets of requests and bytes, and how much a user stores.

-- What became of a deleted session: the session's own row goes with everything else.
create table public.session_deletions (
    session_id text primary key,
    user_id uuid not null,
    name text not null,
    requested_at timestamptz not null default now(),
    completed_at timestamptz
);
create index session_deletions_completed on public.session_deletions (completed_at);
alter table public.session_deletions enable row level security;
revoke all on public.session_deletions from anon, authenticated;
grant select on public.session_deletions to authenticated;
grant select, insert, update, delete on public.session_deletions to service_role;
create policy own_rows on public.session_deletions for select to authenticated
    using ((select auth.uid()) = user_id);
insert into public.session_deletions (session_id, user_id, name)
    select session_id, user_id, name from public.training_sessions where status = 'deleting';

-- A user's budgets, each as the moment at which it will be full again (a token bucket in one number: the generic
-- cell rate algorithm). Not logged: after a crash of the database every budget is full.
create unlogged table foretide.budgets (
    user_id uuid not null,
    name text not null,
    full_at timestamptz not null,
    primary key (user_id, name)
);
create index budgets_full on foretide.budgets (full_at);
grant select, delete on foretide.budgets to service_role;

-- Takes `_cost` out of a budget that fills up in `_window`, both in seconds of filling: whether it could be taken, and
-- the seconds until the budget is full. What costs more than a whole budget takes all of one. A statement of its own,
-- called by the login role without a transaction around it: one round trip, and no row stays locked.
create function foretide.take_budget(
    _user_id uuid, _name text, _cost double precision, _window double precision,
    out taken boolean, out full_in double precision
) language plpgsql security definer set search_path = '' as $$
declare
    _now constant timestamptz := clock_timestamp();
    _longer constant interval := make_interval(secs => least(_cost, _window));
    _full_at timestamptz;
begin
    insert into foretide.budgets as budget (user_id, name, full_at) values (_user_id, _name, _now + _longer)
        on conflict (user_id, name) do update set full_at = greatest(budget.full_at, _now) + _longer
            where greatest(budget.full_at, _now) + _longer <= _now + make_interval(secs => _window)
        returning budget.full_at into _full_at;
    taken := found;
    if not taken then
        select budget.full_at into _full_at from foretide.budgets budget
            where budget.user_id = _user_id and budget.name = _name;
    end if;
    full_in := greatest(extract(epoch from _full_at - _now), 0);
end
$$;
revoke all on function foretide.take_budget from public;
grant usage on schema foretide to authenticator;
grant execute on function foretide.take_budget to authenticator, service_role;

-- Bytes that a user's objects take, from the rows that name them, so that nothing can drift (F50). A file that is
-- being uploaded counts with the size that was announced, or else with the chunks that are there.
create function foretide.storage_used(_user_id uuid) returns bigint language sql stable as $$
    select coalesce(sum(bytes), 0)::bigint from (
        select case
            when upload.status = 'completed' then
                (upload.raw ->> 'bytes')::bigint + (upload.canonical ->> 'bytes')::bigint
            when upload.size is not null then upload.size
            else (select sum(chunk.size) from public.upload_chunks chunk
                  where chunk.user_id = upload.user_id and chunk.upload_id = upload.upload_id)
        end as bytes
        from public.uploads upload
        where upload.user_id = _user_id and upload.status in ('open', 'assembling', 'completed')
        union all
        select (file.raw ->> 'bytes')::bigint + (file.canonical ->> 'bytes')::bigint
        from public.training_files file where file.user_id = _user_id
        union all
        select (object.value ->> 'bytes')::bigint
        from public.training_datasets dataset, jsonb_each(dataset.metadata -> 'references') object
        where dataset.user_id = _user_id and jsonb_typeof(dataset.metadata -> 'references') = 'object'
        union all
        select (object.value ->> 'bytes')::bigint
        from public.training_jobs job, jsonb_each(job.artifacts) object
        where job.user_id = _user_id and jsonb_typeof(job.artifacts) = 'object'
        union all
        -- A result names the job's artifacts, too; those were counted above.
        select (object.value ->> 'bytes')::bigint
        from public.training_results result, jsonb_each(result.artifacts) object
        where result.user_id = _user_id and object.value ->> 'bucket' = 'training-results'
    ) objects
$$;
revoke all on function foretide.storage_used from public;
grant execute on function foretide.storage_used to service_role;
create index training_files_owner on public.training_files (user_id);
create index training_datasets_owner on public.training_datasets (user_id);
create index training_jobs_owner on public.training_jobs (user_id);
create index training_results_owner on public.training_results (user_id);

create index idempotency_keys_age on public.idempotency_keys (created_at);
