-- Evaluations take turns by what organizations have used, as jobs do: a run is charged for its time since "charged_at", times
-- the threads of the engine that it uses.
alter table eval add column threads integer not null default 0;
alter table eval add column charged_at bigint;

-- Locked by whoever takes the next evaluation, as the first row is for jobs.
insert into queue_turn (id, taken) values (2, 0);
