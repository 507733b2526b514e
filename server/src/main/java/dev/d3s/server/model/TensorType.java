package dev.d3s.server.model;

import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * Number formats of a safetensors file. Weights are read from and written as the floating-point formats of up to four bytes; the
 * others can stand in a file that we only pass over.
 */
public enum TensorType {
    F32(4), F16(2), BF16(2), F64(8), F8_E4M3(1), F8_E5M2(1), I64(8), I32(4), I16(2), I8(1), U64(8), U32(4), U16(2), U8(
            1), BOOL(1), C64(8);

    private final int bytes;

    TensorType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes per value. */
    public int bytes() {
        return bytes;
    }

    /** Whether this class's readers turn it into fp32 without surprises. */
    public boolean readable() {
        return this == F32 || this == F16 || this == BF16;
    }

    /** The name that config.json uses for it, e.g. {@code float32}. */
    String torchName() {
        return switch (this) {
            case F32 -> "float32";
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, C64 -> name().toLowerCase(
                    Locale.ROOT);
        };
    }

    static @Nullable TensorType named(String name) {
        for (TensorType type : values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }
}
