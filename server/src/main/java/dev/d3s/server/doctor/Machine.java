package dev.d3s.server.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import dev.d3s.server.planning.ProcessMemory;

/**
 * What Linux says about the machine.
 *
 * @param root of the file system, {@code /}
 */
record Machine(Path root) {
    private static final long LITTLE_MEMORY = 2L << 30;
    private static final long FEW_FILES = 4096;
    /** Of the formats that the engines multiply in, and what they are good for. */
    private static final List<String> WANTED = List.of("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16");
    /** No server was ever run before this one was written. */
    private static final Instant EARLIEST = Instant.parse("2026-01-01T00:00:00Z");

    List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok("processors", Runtime.getRuntime().availableProcessors() + " may be used"));
        findings.add(instructions());
        findings.add(memoryFinding());
        findings.add(graphics());
        findings.add(openFiles());
        findings.add(clock(Instant.now()));
        return findings;
    }

    Finding instructions() {
        Set<String> flags = new TreeSet<>();
        String model = "";
        for (String line : lines("proc/cpuinfo")) {
            String[] parts = line.split(":", 2);
            if (parts.length == 2 && parts[0].strip().equals("flags")) {
                flags.addAll(List.of(parts[1].strip().split(" ")));
            } else if (parts.length == 2 && parts[0].strip().equals("model name")) {
                model = parts[1].strip();
            }
        }
        if (flags.isEmpty()) {
            return Finding.ok("instructions", "the system does not list them");
        }
        List<String> present = WANTED.stream().filter(flags::contains).toList();
        String text = (model.isEmpty() ? "" : model + ": ") + (present.isEmpty() ? "none of" : "") + " "
                + String.join(", ", present.isEmpty() ? WANTED : present);
        if (!flags.contains("avx2")) {
            return Finding.warn("instructions", text.strip(),
                    "The engines are many times slower without AVX2: use another machine, or let the virtual machine pass the processor through.");
        }
        return Finding.ok("instructions", text.replace(":  ", ": ").strip() + (flags.contains("avx512_bf16")
                || flags.contains("amx_bf16")
                        ? "; bf16 is fast"
                        : flags.contains("avx512f") ? "; bf16 gains a little" : "; bf16 gains nothing"));
    }

    /** Bytes that a process may have; 0 where the system does not say. */
    long memory() {
        return ProcessMemory.available(root);
    }

    Finding memoryFinding() {
        long available = memory();
        String text = available == 0
                ? "the system does not say"
                : gibibytes(available) + " may be used, by this process and its control groups";
        return available != 0 && available < LITTLE_MEMORY
                ? Finding.warn("memory", text,
                        "Jobs of small models need 1 to 2 GiB: end other programs, or raise the container's limit.")
                : Finding.ok("memory", text);
    }

    Finding graphics() {
        boolean nvidia = Files.exists(root.resolve("proc/driver/nvidia")) || Files.exists(root.resolve("dev/nvidia0"));
        boolean others = false;
        try (Stream<Path> devices = Files.list(root.resolve("dev/dri"))) {
            others = devices.anyMatch(device -> device.getFileName().toString().startsWith("renderD"));
        } catch (IOException e) {
            // none
        }
        return Finding.ok("graphics", nvidia
                ? "an NVIDIA card is there; this version is tested on processors only (PYTORCH_FLAVOR=cu128 to try it)"
                : others ? "a card is there that the engines do not use" : "no card; processors are used");
    }

    Finding openFiles() {
        for (String line : lines("proc/self/limits")) {
            if (line.startsWith("Max open files")) {
                String soft = line.substring("Max open files".length()).strip().split("\\s+")[0];
                if (soft.matches("[0-9]{1,18}") && Long.parseLong(soft) < FEW_FILES) {
                    return Finding.warn("open files", "at most " + soft,
                            "Hundreds of clients need more: ulimit -n 65536 before ./d3s serve, or LimitNOFILE=65536 for systemd.");
                }
                return Finding.ok("open files", "at most " + soft);
            }
        }
        return Finding.ok("open files", "the system does not say how many");
    }

    static Finding clock(Instant now) {
        return now.isBefore(EARLIEST)
                ? Finding.fail("clock", "it is set to " + now,
                        "Set it: ids, webhooks' signatures and certificates depend on it.")
                : Finding.ok("clock", now.toString().replaceAll("\\.\\d+", ""));
    }

    private List<String> lines(String file) {
        try {
            return Files.readAllLines(root.resolve(file));
        } catch (IOException e) {
            return List.of();
        }
    }

    static String gibibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
    }
}
