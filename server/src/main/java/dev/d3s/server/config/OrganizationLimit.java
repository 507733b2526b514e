package dev.d3s.server.config;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * A limit that each organization has.
 *
 * @param others of organizations that are not named; {@code null} for none
 * @param named limits of single organizations
 */
public record OrganizationLimit(@Nullable Long others, Map<String, Long> named) {
    public static final OrganizationLimit NONE = new OrganizationLimit(null, Map.of());

    private static final Pattern ENTRY = Pattern
        .compile("(?:(?<organization>[^:,\\s]+):)?(?<number>\\d{1,15})(?<unit>[KMGT]?)");
    private static final String UNITS = "KMGT";

    public OrganizationLimit {
        named = Map.copyOf(named);
    }

    /**
     * @param key it is set with, for the message
     * @param entries {@code 100} for everybody, {@code acme:500} for one
     */
    static OrganizationLimit of(String key, Optional<List<String>> entries) {
        Long others = null;
        Map<String, Long> named = new HashMap<>();
        SettingsCheck check = new SettingsCheck();
        for (String entry : entries.orElse(List.of())) {
            Matcher matcher = ENTRY.matcher(entry.strip());
            if (!matcher.matches()) {
                check.add(key + " has '" + entry
                        + "' but must list numbers such as 100 for everybody and acme:500 for one organization.");
                continue;
            }
            long value = Long.parseLong(matcher.group("number"));
            if (!matcher.group("unit").isEmpty()) {
                value <<= 10 * (UNITS.indexOf(matcher.group("unit")) + 1);
            }
            String organization = matcher.group("organization");
            if (organization == null) {
                others = value;
            } else {
                named.put(organization, value);
            }
        }
        check.orThrow();
        return new OrganizationLimit(others, named);
    }

    /** {@link Long#MAX_VALUE} where there is none. */
    public long of(String organization) {
        Long limit = named.getOrDefault(organization, others);
        return limit == null ? Long.MAX_VALUE : limit;
    }
}
