package dev.d3s.spi;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Arrays;

/**
 * Which addresses belong to the machine or the network that the server stands in: whoever submits a job must not reach those
 * through it, unless the operator allows one. Addresses that carry an IPv4 address inside are what that one is. Those of this
 * machine's own interfaces belong here, too, however public they are.
 */
final class InternalAddresses {
    /** A block of addresses; those of IPv4 have four bytes. */
    private record Block(byte[] address, int bits) {
        static Block of(String text) {
            String[] parts = text.split("/", -1);
            try {
                return new Block(InetAddress.ofLiteral(parts[0]).getAddress(), Integer.parseInt(parts[1]));
            } catch (IllegalArgumentException e) {
                throw new IllegalStateException(text, e);
            }
        }

        boolean contains(byte[] other) {
            if (other.length != address.length) {
                return false;
            }
            for (int bit = 0; bit < bits; bit++) {
                int mask = 0x80 >> (bit % 8);
                if ((address[bit / 8] & mask) != (other[bit / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** From IANA's registries of special-purpose addresses: what is not reachable from everywhere. */
    private static final Block[] INTERNAL = blocks("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
            "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128",
            "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10",
            "ff00::/8");

    /** Blocks whose addresses end in one of IPv4, or have it behind their first 16 bits. */
    private static final Block[] ENDS_IN_IPV4 = blocks("64:ff9b::/96", "::/96");
    private static final Block MAPPED = new Block(
            new byte[]{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte) 0xff, (byte) 0xff, 0, 0, 0, 0}, 96);
    private static final Block SIX_TO_FOUR = Block.of("2002::/16");

    private InternalAddresses() {}

    private static Block[] blocks(String... blocks) {
        return Arrays.stream(blocks).map(Block::of).toArray(Block[]::new);
    }

    static boolean contain(InetAddress address) {
        return contain(address.getAddress()) || isOwn(address);
    }

    /** @param address 4 or 16 bytes */
    static boolean contain(byte[] address) {
        if (Arrays.stream(INTERNAL).anyMatch(block -> block.contains(address))) {
            return true;
        }
        if (MAPPED.contains(address) || Arrays.stream(ENDS_IN_IPV4).anyMatch(block -> block.contains(address))) {
            return contain(Arrays.copyOfRange(address, 12, 16));
        }
        return SIX_TO_FOUR.contains(address) && contain(Arrays.copyOfRange(address, 2, 6));
    }

    private static boolean isOwn(InetAddress address) {
        try {
            return NetworkInterface.getByInetAddress(address) != null;
        } catch (SocketException e) {
            return false; // a machine that does not tell has no other rule than the blocks
        }
    }
}
