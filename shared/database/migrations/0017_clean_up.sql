-- Finding out what is nobody's, and removing whole runs.

-- Whether a document of references, {name: {bucket, key, …}}, has one to this key.
create function foretide.names_object(_references jsonb, _key text) returns boolean language sql immutable as $$
    select exists (
        select from jsonb_each(case when jsonb_typeof(_references) = 'object' then _references else '{}' end) entry
        where entry.value ->> 'key' = _key
    )
$$;
revoke all on function foretide.names_object from public;
grant execute on function foretide.names_object to service_role;
create index uploads_storage on public.uploads (storage_id);
create index training_results_run on public.training_results (run_id);
create index training_files_path on public.training_files (storage_path);

-- A run that is removed for its age: its results and models are going, and the row after them.
alter table public.training_runs add column removing_since timestamptz;
comment on column public.training_runs.removing_since is
    'Its results and models are going, and the row after them; none of its models can be served any more.';
create index training_runs_removing on public.training_runs (removing_since) where removing_since is not null;
create index training_runs_owner on public.training_runs (user_id, created_at desc);

-- Who removes a run has its jobs' rows locked, for which a new pointer's foreign key waits. What is looked at here is
-- how they are afterwards: triggers after a row run in the order of their names, and RI_… is before this one. Whoever is
-- refused tries again, and finds that the model is gone.
create function foretide.refuse_to_serve_what_is_going() returns trigger language plpgsql as $$
begin
    if exists (
        select from public.training_jobs job join public.training_runs run on run.id = job.run_id
        where job.id = new.job_id and run.removing_since is not null
    ) then
        raise exception 'model % is being removed', new.job_id using errcode = 'serialization_failure';
    end if;
    return null;
end
$$;
create trigger refuse_to_serve_what_is_going after insert or update of job_id on public.served_models
    for each row execute function foretide.refuse_to_serve_what_is_going();
