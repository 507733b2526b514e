package dev.d3s.server.policy.torch;

import java.util.List;

/**
 * Sequences laid out for one call, padded on the right with token 0, which no kept token sees.
 *
 * @param sequences B
 * @param length T, the longest input
 * @param tokens {@code [B * T]}
 * @param kept {@code [K]} positions in {@code tokens} whose successors are kept, sequence after sequence
 * @param targets {@code [K]} these successors
 */
record MicroBatch(int sequences, int length, long[] tokens, long[] kept, long[] targets) {
    static MicroBatch of(List<KeptTokens> all, int[] members) {
        int length = all.get(members[0]).inputLength();
        int keptCount = 0;
        for (int member : members) {
            keptCount += all.get(member).kept().length;
        }
        long[] tokens = new long[members.length * length];
        long[] kept = new long[keptCount];
        long[] targets = new long[keptCount];
        int next = 0;
        for (int row = 0; row < members.length; row++) {
            KeptTokens sequence = all.get(members[row]);
            for (int position = 0; position < sequence.inputLength(); position++) {
                tokens[row * length + position] = sequence.tokens()[position];
            }
            for (int index : sequence.kept()) {
                kept[next] = (long) row * length + index - 1;
                targets[next] = sequence.tokens()[index];
                next++;
            }
        }
        return new MicroBatch(members.length, length, tokens, kept, targets);
    }

    /** Adds what every method of the program takes. */
    DecoderProgram.Call into(DecoderProgram.Call call) {
        return call.longs(tokens, sequences, length).longs(kept, kept.length).longs(targets, targets.length);
    }
}
