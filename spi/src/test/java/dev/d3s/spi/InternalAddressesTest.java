package dev.d3s.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InternalAddressesTest {
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
            "169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.255", "198.18.0.1", "224.0.0.1",
            "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1",
            "::ffff:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:c0a8:101::1", "2001::1",
            "fec0::1", "::127.0.0.1"})
    void shouldKnowAddressesOfTheInside(String address) {
        assertThat(InternalAddresses.contain(InetAddress.ofLiteral(address))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "11.0.0.1", "9.255.255.255",
            "192.167.1.1", "192.169.0.1", "169.253.1.1", "100.63.255.255", "100.128.0.1", "128.0.0.1",
            "126.255.255.255",
            "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
    void shouldKnowAddressesOfTheOutside(String address) {
        assertThat(InternalAddresses.contain(InetAddress.ofLiteral(address))).isFalse();
    }

    /** Java turns mapped addresses into those of IPv4; the bytes must be known all the same. */
    @Test
    void shouldKnowMappedBytes() {
        byte[] mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte) 0xff, (byte) 0xff, 127, 0, 0, 1};
        assertThat(InternalAddresses.contain(mapped)).isTrue();
        mapped[12] = 8;
        assertThat(InternalAddresses.contain(mapped)).isFalse();
    }
}
