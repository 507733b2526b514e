package dev.d3s.server.training;

/** What happens every so many steps, and after the last one whatever the interval is; 0 for after the last one only. */
final class StepInterval {
    private StepInterval() {}

    /** Whether it happens when so many steps are done. */
    static boolean due(int interval, int completedSteps, int totalSteps) {
        return completedSteps == totalSteps || (interval > 0 && completedSteps % interval == 0);
    }

    /** How many times it happens after that. */
    static int dueAfter(int interval, int completedSteps, int totalSteps) {
        if (completedSteps >= totalSteps) {
            return 0;
        }
        return interval == 0
                ? 1
                : totalSteps / interval - completedSteps / interval + (totalSteps % interval == 0 ? 0 : 1);
    }
}
