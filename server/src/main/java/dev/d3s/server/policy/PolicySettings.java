package dev.d3s.server.policy;

import org.jspecify.annotations.Nullable;

/**
 * What of the policy a job trains, and in which numbers.
 *
 * @param lora trains adapters and leaves the model as it is; {@code null} trains all weights
 */
public record PolicySettings(Precision precision, @Nullable LoraSettings lora) {
    /** All weights in fp32. */
    public static final PolicySettings DEFAULT = new PolicySettings(Precision.FP32, null);
}
