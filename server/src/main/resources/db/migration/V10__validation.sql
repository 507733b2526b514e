-- Jobs whose data sets have not been read through yet. The row stays until they have been, so that a job that was paused or
-- failed before is checked again. claimed_until says until when one server may be checking it; a check that two servers make has
-- the same result, so that this saves work and decides nothing.
create table job_validation (
    job_id        varchar(64) not null primary key references job (id),
    claimed_until bigint      not null default 0
);
