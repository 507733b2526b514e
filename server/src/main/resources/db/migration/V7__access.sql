-- A model's name is unique within its organization, no longer on the whole server. Neither database can forget a constraint that
-- has no name, so the table is made anew.
create table model_of_organization (
    id            varchar(64)  not null primary key,
    organization  varchar(64),
    name          varchar(128) not null,
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

insert into model_of_organization (id, organization, name, created_at, kind, source, commit_id, directory, status, bytes,
    total_bytes, error_code, error_message, last_event)
select id, organization, name, created_at, kind, source, commit_id, directory, status, bytes, total_bytes, error_code,
    error_message, last_event
from model;

create table event_of_model (
    model_id   varchar(64) not null references model_of_organization (id),
    sequence   bigint      not null,
    created_at bigint      not null,
    level      varchar(8)  not null,
    type       varchar(16) not null,
    message    text        not null,
    data       text,
    primary key (model_id, sequence)
);

insert into event_of_model (model_id, sequence, created_at, level, type, message, data)
select model_id, sequence, created_at, level, type, message, data
from model_event;

drop table model_event;
drop table model;
alter table model_of_organization rename to model;
alter table event_of_model rename to model_event;

create unique index model_by_name on model (coalesce(organization, ''), name);

-- Keys of the HTTP API. Of a key there is its hash only: SHA-256 of 256 random bits needs no salt and cannot be guessed.
-- "prefix" is the public beginning by which a key is found.
create table api_key (
    id           varchar(64)  not null primary key,
    organization varchar(64)  not null,
    name         varchar(128) not null,
    role         varchar(16)  not null,
    scopes       varchar(255) not null,
    prefix       varchar(16)  not null unique,
    hash         varchar(64)  not null,
    created_at   bigint       not null,
    expires_at   bigint,
    revoked_at   bigint,
    last_used_at bigint
);

-- Who did what. "object" is the id of what it was done to, "address" the client's; "details" is JSON.
create table audit_log (
    id           varchar(64)  not null primary key,
    created_at   bigint       not null,
    organization varchar(64)  not null,
    actor_kind   varchar(16)  not null,
    actor_id     varchar(255) not null,
    actor_name   varchar(255) not null,
    action       varchar(64)  not null,
    object       varchar(255) not null,
    outcome      varchar(16)  not null,
    address      varchar(64),
    details      text
);

create index audit_log_by_organization on audit_log (organization, id);
create index audit_log_by_time on audit_log (created_at);

-- What was made for a request with the header Idempotency-Key, so that the same request makes it once.
create table idempotency_key (
    organization    varchar(64)  not null,
    kind            varchar(16)  not null,
    idempotency_key varchar(255) not null,
    body_hash       varchar(64)  not null,
    object          varchar(64)  not null,
    created_at      bigint       not null,
    primary key (organization, kind, idempotency_key)
);

create index idempotency_key_by_time on idempotency_key (created_at);
create index idempotency_key_by_object on idempotency_key (object);
