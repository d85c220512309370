-- tus: bytes that continue where the last ones ended, instead of numbered chunks. Such an upload knows how many it
-- has received (its offset) and gives its client's metadata back; how many parts it has is known once it is whole.
alter table public.uploads
    alter column total_chunks drop not null,
    add column received bigint check (received between 0 and size),
    add column metadata text,
    add constraint uploads_in_chunks_or_by_tus check (
        received is null and metadata is null and total_chunks is not null
        or received is not null and metadata is not null and size is not null
    );

-- A part names its object. Two requests that write at one offset must not share one: whoever loses removes its own.
alter table public.upload_chunks add column key text;
update public.upload_chunks chunk
    set key = upload.storage_id || '/' || lpad(chunk.chunk_index::text, 8, '0') || '-' || chunk.sha256
    from public.uploads upload
    where upload.user_id = chunk.user_id and upload.upload_id = chunk.upload_id;
alter table public.upload_chunks alter column key set not null;
