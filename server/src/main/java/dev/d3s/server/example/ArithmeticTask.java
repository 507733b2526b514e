package dev.d3s.server.example;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The example task: two three-digit numbers are added column by column from the right, each column written as {@code left+right+carry=sum}, then the sum.
 *
 * <pre>
 * prompt      478+718=
 * completion  8+8+0=16;7+1+1=09;4+7+0=11;1196
 * </pre>
 *
 * <p>The answer is verifiable, the completion has 31 or 32 tokens with its end, and some of its tokens matter far more than others: the carries. About 3 % of
 * all pairs are held out, by a rule on the two numbers, and stand in no training file; the two training files share no pair either.
 *
 * <p>{@link #write} is a pure function of the seed, the row counts and the teacher.
 */
public final class ArithmeticTask {
    /** Smallest and largest summand. */
    static final int MIN = 100;
    static final int MAX = 999;
    /**
     * How often the supervised teacher forgets a carry. It is sloppy on purpose: a policy that imitates it is mediocre, but samples every
     * right step now and then, and re-weighting what it samples is what reinforcement learning is good at.
     */
    public static final double FORGOTTEN_CARRIES = 0.6;
    /** Longest completion in tokens, the end included. */
    public static final int MAX_COMPLETION_TOKENS = 32;

    /** Rows of both training files together: most of the 785,000 pairs that are not held out. */
    static final int MAX_TRAINING_ROWS = 600_000;
    /** Most of the 25,000 pairs that are. */
    static final int MAX_HELD_OUT_ROWS = 20_000;

    private static final int SPAN = MAX - MIN + 1;

    private ArithmeticTask() {}

    /**
     * Who wrote the supervised completions. A mistake is carried on consistently: the columns after it and the sum are worked out from what was written.
     *
     * @param forgottenCarries probability that a carry is forgotten
     * @param miscountedColumns probability that a column's sum is one too many or one too few
     */
    public record Teacher(double forgottenCarries, double miscountedColumns) {
        /** Makes no mistakes. */
        static final Teacher PERFECT = new Teacher(0, 0);
        /** The usual one: a policy that imitates it is right in a third of what it samples. */
        public static final Teacher SLOPPY = new Teacher(FORGOTTEN_CARRIES, 0);
        /** A policy that imitates it is hardly ever right: what a weakly aligned model is like. */
        public static final Teacher POOR = new Teacher(0.9, 0.3);
    }

    /**
     * One sum.
     *
     * @param left from 100 to 999
     * @param right from 100 to 999
     */
    public record Problem(int left, int right) {
        public String prompt() {
            return left + "+" + right + "=";
        }

        /** The sum. */
        public String answer() {
            return Integer.toString(left + right);
        }

        /** Whether this pair is kept for evaluation. */
        public boolean heldOut() {
            return (7919L * left + 104_729L * right) % 97 < 3;
        }

        /** The worked steps without a mistake. */
        public String completion() {
            return completion(Teacher.PERFECT, new SplittableRandom(0));
        }

        /** The worked steps of a teacher. A carry lost after the last column loses the sum's first digit. */
        String completion(Teacher teacher, SplittableRandom random) {
            StringBuilder text = new StringBuilder(MAX_COMPLETION_TOKENS);
            StringBuilder sum = new StringBuilder(4);
            int carry = 0;
            for (int unit = 1; unit <= 100; unit *= 10) {
                int above = left / unit % 10;
                int below = right / unit % 10;
                int column = above + below + carry;
                // no draw for a teacher who counts well, so that its files stay what they are
                if (teacher.miscountedColumns() > 0 && random.nextDouble() < teacher.miscountedColumns()) {
                    column = miscounted(column, random);
                }
                text.append(above)
                    .append('+')
                    .append(below)
                    .append('+')
                    .append(carry)
                    .append('=')
                    .append(column / 10)
                    .append(column % 10)
                    .append(';');
                sum.insert(0, column % 10);
                carry = column < 10 || random.nextDouble() < teacher.forgottenCarries() ? 0 : 1;
            }
            if (carry == 1) {
                sum.insert(0, 1);
            }
            return text.append(sum).toString();
        }

        /** One more or one less, within what a column can be: 0 to 19. */
        private static int miscounted(int column, SplittableRandom random) {
            boolean more = random.nextBoolean();
            return column == 0 || (more && column < 19) ? column + 1 : column - 1;
        }
    }

    /**
     * The files of the task.
     *
     * @param supervised rows with prompt and the teacher's completion
     * @param train rows with prompt and answer
     * @param heldOut rows with prompt, answer and the right completion, from the held-out pairs
     */
    public record TaskFiles(Path supervised, Path train, Path heldOut) {}

    /** Writes {@code supervised.jsonl} by the sloppy teacher, {@code train.jsonl} and {@code heldout.jsonl}. */
    public static TaskFiles write(Path directory, long seed, int supervisedRows, int trainRows, int heldOutRows)
            throws IOException {
        return write(directory, seed, supervisedRows, trainRows, heldOutRows, Teacher.SLOPPY);
    }

    /** The same with another teacher; the sums are the same for all of them. */
    public static TaskFiles write(Path directory, long seed, int supervisedRows, int trainRows, int heldOutRows,
            Teacher teacher) throws IOException {
        if ((long) supervisedRows + trainRows > MAX_TRAINING_ROWS || heldOutRows > MAX_HELD_OUT_ROWS) {
            throw new IllegalArgumentException("There are not enough different sums for that many rows.");
        }
        SplittableRandom random = new SplittableRandom(seed);
        SplittableRandom mistakes = random.split();
        BitSet taken = new BitSet(SPAN * SPAN);
        List<Problem> supervised = draw(random, supervisedRows, false, taken);
        List<Problem> train = draw(random, trainRows, false, taken);
        List<Problem> heldOut = draw(random, heldOutRows, true, taken);
        Files.createDirectories(directory);
        TaskFiles files = new TaskFiles(directory.resolve("supervised.jsonl"), directory.resolve("train.jsonl"),
                directory.resolve("heldout.jsonl"));
        try (BufferedWriter writer = Files.newBufferedWriter(files.supervised())) {
            for (Problem problem : supervised) {
                writer.write("{\"prompt\":\"" + problem.prompt() + "\",\"completion\":\""
                        + problem.completion(teacher, mistakes) + "\"}\n");
            }
        }
        try (BufferedWriter writer = Files.newBufferedWriter(files.train())) {
            for (Problem problem : train) {
                writer.write("{\"prompt\":\"" + problem.prompt() + "\",\"answer\":\"" + problem.answer() + "\"}\n");
            }
        }
        try (BufferedWriter writer = Files.newBufferedWriter(files.heldOut())) {
            for (Problem problem : heldOut) {
                writer.write("{\"prompt\":\"" + problem.prompt() + "\",\"completion\":\"" + problem.completion()
                        + "\",\"answer\":\"" + problem.answer() + "\"}\n");
            }
        }
        return files;
    }

    /** Distinct problems, none of them taken before. */
    private static List<Problem> draw(SplittableRandom random, int count, boolean heldOut, BitSet taken) {
        List<Problem> problems = new ArrayList<>(count);
        while (problems.size() < count) {
            Problem problem = new Problem(random.nextInt(MIN, MAX + 1), random.nextInt(MIN, MAX + 1));
            int number = (problem.left() - MIN) * SPAN + problem.right() - MIN;
            if (problem.heldOut() == heldOut && !taken.get(number)) {
                taken.set(number);
                problems.add(problem);
            }
        }
        return problems;
    }
}
