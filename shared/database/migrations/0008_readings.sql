-- What a person decided about reading a file: with the upload, and later for the file of a session.
-- Each reading of a session's file has a number of its own, and its canonical copy is named by it; `reading` is the
-- one that counts, `last_reading` the last one begun. The analysis says with which overrides it was made.
alter table public.uploads add column overrides jsonb not null default '{}';
alter table public.training_files
    add column reading integer not null default 0,
    add column last_reading integer not null default 0;
