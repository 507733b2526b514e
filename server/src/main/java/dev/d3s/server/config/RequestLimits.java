package dev.d3s.server.config;

/**
 * How much the server takes on before it answers.
 *
 * @param checkedAtOnce bytes of a data set that is read through before its job is accepted; larger ones are read afterwards
 */
public record RequestLimits(long checkedAtOnce) {
    public static final RequestLimits DEFAULT = new RequestLimits(64L << 20);
}
