-- Models that somebody registered: directories that are used where they are ("linked"), and downloads ("hub"). "name" is the
-- id that clients use; "bytes" and "total_bytes" say how far a download is, of commit "commit_id".
create table model (
    id            varchar(64)  not null primary key,
    name          varchar(128) not null unique,
    created_at    bigint       not null,
    kind          varchar(16)  not null,
    source        text,
    commit_id     varchar(64),
    directory     text         not null,
    status        varchar(16)  not null,
    bytes         bigint       not null default 0,
    total_bytes   bigint,
    error_code    varchar(64),
    error_message text,
    last_event    bigint       not null default 0
);

create table model_event (
    model_id   varchar(64) not null references model (id),
    sequence   bigint      not null,
    created_at bigint      not null,
    level      varchar(8)  not null,
    type       varchar(16) not null,
    message    text        not null,
    data       text,
    primary key (model_id, sequence)
);
