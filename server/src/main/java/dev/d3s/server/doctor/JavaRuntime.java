package dev.d3s.server.doctor;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** What Java this is and how it was started. */
final class JavaRuntime {
    private static final int WANTED = 25;

    private JavaRuntime() {}

    /** @param memory bytes that the process may have; 0 where nobody knows */
    static List<Finding> findings(long memory) {
        List<Finding> findings = new ArrayList<>();
        findings.add(version(Runtime.version().feature(), System.getProperty("java.vendor") + " " + Runtime.version()));
        findings.add(flags(ManagementFactory.getRuntimeMXBean().getInputArguments(),
                System.getProperty("org.graalvm.nativeimage.imagecode") != null));
        findings.add(heap(Runtime.getRuntime().maxMemory(), memory));
        return findings;
    }

    static Finding version(int feature, String text) {
        return feature < WANTED
                ? Finding.fail("java", text, "Install a JDK " + WANTED + ", or point JAVA_HOME at one.")
                : Finding.ok("java", text);
    }

    /** @param executable whether this is a native executable, which was built with the access that engines need */
    static Finding flags(List<String> flags, boolean executable) {
        return executable || flags.stream().anyMatch(flag -> flag.startsWith("--enable-native-access"))
                ? Finding.ok("java flags", flags.isEmpty() ? "none" : String.join(" ", flags))
                : Finding.warn("java flags", "--enable-native-access is missing",
                        "Start the server with ./d3s, which gives Java what the engines need.");
    }

    static Finding heap(long heap, long memory) {
        String text = "at most " + Machine.gibibytes(heap) + "; the engines' memory is outside it";
        return memory > 0 && heap > memory * 0.5
                ? Finding.warn("java heap", text,
                        "It leaves the engines less than half of the memory: D3S_JAVA_OPTIONS=-Xmx"
                                + Math.max(1, (memory / 4) >> 30) + "g")
                : Finding.ok("java heap", text);
    }
}
