package dev.d3s.server.wiring;

import javax.sql.DataSource;

import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import org.flywaydb.core.Flyway;

import io.agroal.api.AgroalDataSource;
import io.quarkus.arc.InjectableInstance;

/** Hands over the one of the two configured databases that is in use. */
@Singleton
final class ActiveDatabase {
    private ActiveDatabase() {}

    @Produces
    @Singleton
    static DataSource source(@Any InjectableInstance<AgroalDataSource> sources) {
        return sources.getActive();
    }

    @Produces
    @Singleton
    static Migrations migrations(@Any InjectableInstance<Flyway> flyways) {
        Flyway flyway = flyways.getActive();
        return flyway::migrate;
    }
}
