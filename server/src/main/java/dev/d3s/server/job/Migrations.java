package dev.d3s.server.job;

/** Brings the tables of the server's database to this version's. */
@FunctionalInterface
public interface Migrations {
    void migrate();
}
