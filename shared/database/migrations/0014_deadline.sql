-- When a run is over, whatever of it has not ended by then.

alter table public.training_runs add column deadline timestamptz;
comment on column public.training_runs.deadline is
    'No job of the run is trained any longer than this; none where the run has no limit of time.';
create index training_runs_deadlines on public.training_runs (deadline) where status = 'running';
