package dev.d3s.server.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.ArithmeticTask.Teacher;

/** Where a reinforcement job on the example task starts: at a policy that imitates a teacher, and how fast it learns from there. */
enum ArithmeticStart {
    /** Right in a third of what it samples. */
    USUAL(Teacher.SLOPPY, 48, 2e-4),
    /** Hardly ever right; a constant learning rate, since there is far to go. */
    WEAK(Teacher.POOR, 80, 3e-4);

    private final Teacher teacher;
    private final int comparedSteps;
    private final double learningRate;

    ArithmeticStart(Teacher teacher, int comparedSteps, double learningRate) {
        this.teacher = teacher;
        this.comparedSteps = comparedSteps;
        this.learningRate = learningRate;
    }

    Teacher teacher() {
        return teacher;
    }

    /** How many steps a comparison takes unless told otherwise. */
    int comparedSteps() {
        return comparedSteps;
    }

    /** Peak learning rate unless told otherwise. */
    double learningRate() {
        return learningRate;
    }

    /**
     * Fills the member {@code optimizer} of a reinforcement job.
     *
     * @param rate peak learning rate
     */
    void optimizer(ObjectNode optimizer, double rate) {
        optimizer.put("learning_rate", rate).put("warmup_steps", 5);
        switch (this) {
            case USUAL -> optimizer.put("decay", "linear").put("final_ratio", 0.1);
            case WEAK -> optimizer.put("decay", "constant");
        }
    }
}
