-- Row-level security on every table, default deny. Users read what is theirs; only services write, after the
-- request's transaction has read the owner's row as that user. So nobody who reaches the database with a user's
-- token can invent a storage path, a job or an event.
revoke all on all functions in schema foretide from public;
grant execute on all functions in schema foretide to service_role;

do $$
declare
    _table text;
begin
    foreach _table in array array[
        'uploads', 'upload_chunks', 'training_sessions', 'training_files', 'idempotency_keys',
        'training_datasets', 'training_runs', 'training_jobs', 'training_results',
        'training_visualizations', 'outbox', 'inbox', 'session_events'
    ] loop
        execute format('alter table public.%I enable row level security', _table);
        execute format('revoke all on public.%I from anon, authenticated', _table);
        execute format('grant select, insert, update, delete on public.%I to service_role', _table);
    end loop;
    foreach _table in array array[
        'uploads', 'upload_chunks', 'training_sessions', 'training_files',
        'training_datasets', 'training_runs', 'training_jobs', 'training_results', 'training_visualizations'
    ] loop
        execute format('grant select on public.%I to authenticated', _table);
        execute format(
            'create policy own_rows on public.%I for select to authenticated '
            'using ((select auth.uid()) = user_id)', _table);
    end loop;
end
$$;

grant select on public.session_events to authenticated;
create policy own_sessions_events on public.session_events for select to authenticated using (
    exists (
        select from public.training_sessions session
        where session.session_id = session_events.session_id and session.user_id = (select auth.uid())
    )
);
grant usage on sequence public.outbox_position_seq to service_role;
grant select, insert, update on foretide.sweeps to service_role;
