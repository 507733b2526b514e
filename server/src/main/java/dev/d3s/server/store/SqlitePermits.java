package dev.d3s.server.store;

import com.github.kagkarlsson.scheduler.jdbc.DefaultJdbcCustomization;

/** How db-scheduler speaks to SQLite, which it does not know: times without zones, and how many rows at most. */
final class SqlitePermits extends DefaultJdbcCustomization {
    SqlitePermits() {
        super(true);
    }

    @Override
    public String getName() {
        return "SQLite";
    }

    @Override
    public String getQueryLimitPart(int limit) {
        return " limit " + limit;
    }
}
