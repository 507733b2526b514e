package dev.d3s.plugins.d3s;

import java.nio.ByteBuffer;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * What {@link AutoSelector} remembers from one step to the next.
 *
 * <p>
 * As bytes, big-endian: the version of this encoding, 1; 1 for intra or 0 for cross; the average as 8 bytes.
 *
 * @param intra what the last step chose
 * @param average of the share of informative groups, 0 to 1; NaN before the first step with a reward
 */
record AutoState(boolean intra, double average) {
    static final AutoState BEGINNING = new AutoState(true, Double.NaN);

    private static final byte VERSION = 1;
    private static final int LENGTH = 2 + Double.BYTES;

    boolean hasAverage() {
        return !Double.isNaN(average);
    }

    byte[] toBytes() {
        return ByteBuffer.allocate(LENGTH).put(VERSION).put((byte) (intra ? 1 : 0)).putDouble(average).array();
    }

    /** @throws D3sException with code {@code checkpoint_unusable} */
    static AutoState of(byte[] bytes) {
        if (bytes.length == 0 || bytes[0] != VERSION) {
            throw unreadable(bytes.length == 0 ? "it is empty" : "it has version " + bytes[0]);
        }
        if (bytes.length != LENGTH) {
            throw unreadable("it has " + bytes.length + " bytes instead of " + LENGTH);
        }
        byte intra = bytes[1];
        double average = ByteBuffer.wrap(bytes).getDouble(2);
        if ((intra != 0 && intra != 1) || average < 0 || average > 1) {
            throw unreadable("it says " + intra + " and " + average);
        }
        return new AutoState(intra == 1, average);
    }

    private static D3sException unreadable(String reason) {
        return new D3sException(ErrorCategory.PLUGIN, "checkpoint_unusable", "The selector's state is not version "
                + VERSION + ": " + reason + ". Install the version of the plugin that the job began with.");
    }
}
