package dev.d3s.server.wiring;

/** Brings the tables of the server's database to this version's. */
@FunctionalInterface
interface Migrations {
    void migrate();
}
