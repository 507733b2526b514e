package dev.d3s.server.api;

import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.job.Job;
import dev.d3s.server.job.StepRollouts;
import dev.d3s.server.selection.RecordedRollout;

/**
 * The rollouts of a step as a page for people: HTML that needs nothing else, neither scripts nor fonts nor a network. What a
 * policy wrote is text on it, whatever it looks like: everything goes through {@link #text}. Used once, by one thread.
 */
final class RolloutsPage {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1b1f24; --faint: #69727e; --paper: #fff; --line: #d8dde3;
              --card: #f6f8fa; --link: #0757c7; --plus: #3b82f6; --minus: #f08c2e; --kept: #1b1f24 }
            @media (prefers-color-scheme: dark) { :root { --ink: #e8ebef; --faint: #8a94a0; --paper: #14171b;
              --line: #353b43; --card: #20252c; --link: #7db4ff; --plus: #3f7fe0; --minus: #cf7420; --kept: #e8ebef } }
            * { box-sizing: border-box }
            body { margin: 0 auto; padding: 1.25rem; max-width: 72rem; background: var(--paper); color: var(--ink);
              font: 1rem/1.5 system-ui, sans-serif }
            h1 { font-size: 1.4rem; margin: 0 }
            h2 { font-size: 1.05rem; margin: 2rem 0 .25rem }
            p { margin: .4rem 0 }
            a { color: var(--link) }
            nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; margin: .75rem 0 }
            nav span { color: var(--faint) }
            form { display: inline }
            select, button { font: inherit; padding: 0 .4rem }
            .small { color: var(--faint); font-size: .875rem; overflow-wrap: anywhere }
            .text { font: .9375rem/1.8 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
              unicode-bidi: isolate; margin: 0 }
            .prompt { max-height: 14rem; overflow: auto; padding: .25rem .75rem; border-left: 3px solid var(--line) }
            article { margin: .3rem 0; padding: .3rem .75rem; border: 1px solid var(--line); border-left-width: 4px;
              border-radius: .4rem; content-visibility: auto; contain-intrinsic-size: auto 3rem }
            article.kept { background: var(--card); border-left-color: var(--kept) }
            article header { display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .875rem }
            article.dropped header, .error { color: var(--faint) }
            @media (min-width: 60rem) { article { display: grid; grid-template-columns: 19rem 1fr; gap: 0 1rem }
              article > :not(header) { grid-column: 2 } article header { position: sticky; top: .3rem; align-self: start } }
            .minus { --heat: var(--minus) }
            .plus { --heat: var(--plus) }
            .text i { font-style: normal; color: var(--faint); border-radius: 2px; margin-right: 1px; padding: 2px 0 }
            .text i.k { color: var(--ink); font-weight: 700; border-bottom: 3px solid var(--kept);
              border-radius: 2px 2px 0 0 }
            .text i.sample { color: var(--ink) }
            .text i.x { font-size: .75em; font-weight: 400 }
            body:has(#only:checked) article.dropped { display: none }
            """
            + heat();

    private final StringBuilder html = new StringBuilder();
    private final Job job;
    private final StepRollouts page;
    private final List<RecordedRollout> rollouts;
    private final double hottest;

    private RolloutsPage(Job job, StepRollouts page) {
        this.job = job;
        this.page = page;
        this.rollouts = page.rollouts().elements();
        this.hottest = rollouts.stream()
            .flatMapToDouble(rollout -> rollout.tokens().stream().mapToDouble(token -> criterion(rollout, token)))
            .max()
            .orElse(0);
    }

    static String of(Job job, StepRollouts page) {
        RolloutsPage writer = new RolloutsPage(job, page);
        writer.write();
        return writer.html.toString();
    }

    /** Ten shades of the colour of a rollout's sign. */
    private static String heat() {
        StringBuilder rules = new StringBuilder();
        for (int shade = 1; shade <= 10; shade++) {
            rules.append(".h%d { background: color-mix(in srgb, var(--heat) %d%%, transparent) } ".formatted(shade,
                    5 + 8 * shade));
        }
        return rules.append('\n').toString();
    }

    private void write() {
        boolean none = page.step() < 0;
        html.append("""
                <!DOCTYPE html>
                <html lang="en"><head><meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <title>""").append(none ? "No rollouts" : "Step " + page.step()).append(" of ");
        text(job.id()).append("</title>\n<style>\n")
            .append(STYLE)
            .append("</style></head>\n<body>\n<h1>")
            .append(none ? "No rollouts are recorded" : "Rollouts of step " + page.step())
            .append("</h1>\n<p class=\"small\">Job ");
        text(job.id()).append(", from model ");
        text(job.spec().model()).append(", ")
            .append(job.completedSteps())
            .append(" of ")
            .append(job.totalSteps())
            .append(" steps done. Steps count from 0.</p>\n");
        if (none) {
            html.append("<p>A reinforcement job records its first step, every so many "
                    + "(<code>d3s.recording.interval</code>), and the last.</p>\n");
        } else {
            steps();
            summary();
            legend();
            groups();
            if (page.rollouts().hasMore()) {
                html.append("<p><a href=\"?step=").append(page.step()).append("&amp;after=");
                text(page.id(rollouts.getLast())).append("\">More rollouts of this step</a></p>\n");
            }
        }
        html.append("</body></html>\n");
    }

    /** Links to the recorded steps around this one, and a list of all. */
    private void steps() {
        List<Integer> steps = page.steps();
        int here = steps.indexOf(page.step());
        html.append("<nav>");
        link("first", here > 0 ? steps.getFirst() : null);
        link("previous", here > 0 ? steps.get(here - 1) : null);
        html.append("<form><label>step <select name=\"step\">");
        for (int step : steps) {
            html.append("<option").append(step == page.step() ? " selected>" : ">").append(step).append("</option>");
        }
        html.append("</select></label> <button>Show</button></form>");
        link("next", here < steps.size() - 1 ? steps.get(here + 1) : null);
        link("last", here < steps.size() - 1 ? steps.getLast() : null);
        html.append("</nav>\n");
    }

    private void link(String word, @Nullable Integer step) {
        if (step == null) {
            html.append("<span>").append(word).append("</span>");
        } else {
            html.append("<a href=\"?step=").append(step).append("\">").append(word).append("</a>");
        }
    }

    /** The whole step, of which the page shows a part. */
    private void summary() {
        Map<String, Double> metrics = page.metrics();
        if (metrics.getOrDefault("skipped", 0.0) > 0) {
            html.append("<p>The step was skipped: nothing in it was informative, so the policy was not updated.</p>\n");
        } else if (metrics.containsKey("kept_rollouts") && metrics.containsKey("kept_tokens")) {
            html.append("<p>In the whole step ")
                .append(count(metrics, "kept_rollouts"))
                .append(" rollouts were kept (")
                .append(percent(metrics, "kept_rollout_ratio"))
                .append(") and ")
                .append(count(metrics, "kept_tokens"))
                .append(" of their tokens (")
                .append(percent(metrics, "kept_token_ratio"))
                .append("); the mean reward was ")
                .append(number(metrics.getOrDefault("reward_mean", 0.0)))
                .append(".</p>\n");
        }
    }

    private void legend() {
        html.append("""
                <p>The stronger a token's colour, the larger its |advantage| × entropy: \
                <span class="text plus"><i class="sample h8">blue</i></span> where the advantage is positive, \
                <span class="text minus"><i class="sample h8">orange</i></span> where it is negative.
                <span class="text"><i class="k">Underlined</i></span> tokens were kept and trained on, \
                <span class="text"><i>pale</i></span> ones were dropped.</p>
                <p><label><input type="checkbox" id="only"> only kept rollouts</label></p>
                """);
    }

    private void groups() {
        int group = -1;
        for (RecordedRollout rollout : rollouts) {
            if (rollout.group() != group) {
                group = rollout.group();
                html.append("<h2>Group ").append(group).append("</h2>\n<p class=\"text prompt\">");
                text(rollout.prompt()).append("</p>\n");
            }
            rollout(rollout);
        }
    }

    private void rollout(RecordedRollout rollout) {
        html.append("<article class=\"")
            .append(rollout.kept() ? "kept " : "dropped ")
            .append(advantage(rollout) < 0 ? "minus" : "plus")
            .append("\"><header><b>#")
            .append(rollout.index())
            .append(rollout.kept() ? " kept" : " dropped")
            .append("</b>");
        Double reward = rollout.reward();
        part(reward == null ? "no reward" : "reward " + number(reward));
        part("advantage " + signed(rollout.advantage()));
        Double trained = rollout.trainedAdvantage();
        if (trained != null && trained != rollout.advantage()) {
            part("trained with " + signed(trained));
        }
        long kept = rollout.tokens().stream().filter(RecordedRollout.Token::kept).count();
        int shown = rollout.tokens().size();
        String tokens = shown < rollout.length()
                ? "the first " + shown + " of " + rollout.length() + " tokens"
                : rollout.length() + " tokens";
        part(rollout.kept() ? kept + " of " + tokens + " kept" : tokens);
        if (rollout.finishReason().equals("length")) {
            part("ended by the length limit");
        }
        html.append("</header>");
        String error = rollout.error();
        if (error != null) {
            html.append("<p class=\"error\">");
            text(error).append("</p>");
        }
        html.append("<p class=\"text\">");
        rollout.tokens().forEach(token -> token(rollout, token));
        html.append(shown < rollout.length() ? "…</p></article>\n" : "</p></article>\n");
    }

    private void part(String words) {
        html.append("<span>").append(words).append("</span>");
    }

    private void token(RecordedRollout rollout, RecordedRollout.Token token) {
        double criterion = criterion(rollout, token);
        // of the root: a few tokens are far above all others
        long shade = hottest == 0 ? 0 : Math.round(10 * Math.sqrt(criterion / hottest));
        boolean silent = token.text().isEmpty();
        String classes = ((token.kept() ? "k " : "") + (silent ? "x " : "") + (shade > 0 ? "h" + shade : "")).strip();
        html.append("<i").append(classes.isEmpty() ? "" : " class=\"" + classes + "\"").append(" title=\"");
        html.append(String.format(Locale.ROOT, "|advantage| × entropy %.4f, entropy %.4f, probability %.4f, id %d, %s",
                criterion, token.entropy(), Math.exp(token.logprob()), token.id(),
                token.kept() ? "kept" : "dropped"));
        if (token.kept() && token.weight() != 1) {
            html.append(String.format(Locale.ROOT, ", weight %.4g", token.weight()));
        }
        html.append("\">");
        // a special token, or a part of a character: something must be there to be seen
        text(silent ? "‹" + token.id() + "›" : token.text().replace("\n", "↵\n")).append("</i>");
    }

    /** What the rollout is trained with, or would have been. */
    private static double advantage(RecordedRollout rollout) {
        Double trained = rollout.trainedAdvantage();
        return trained == null ? rollout.advantage() : trained;
    }

    private static double criterion(RecordedRollout rollout, RecordedRollout.Token token) {
        return Math.abs(advantage(rollout)) * token.entropy();
    }

    private static String count(Map<String, Double> metrics, String name) {
        return String.format(Locale.ROOT, "%,d", Math.round(metrics.getOrDefault(name, 0.0)));
    }

    private static String percent(Map<String, Double> metrics, String name) {
        return String.format(Locale.ROOT, "%.0f %%", 100 * metrics.getOrDefault(name, 0.0));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value).replaceFirst("\\.?0+$", "");
    }

    private static String signed(double value) {
        return value == 0 ? "0" : String.format(Locale.ROOT, "%+.2f", value).replace('-', '−');
    }

    /** Text that is no markup, in an element or a quoted attribute. */
    private StringBuilder text(String text) {
        for (int index = 0; index < text.length(); index++) {
            char character = text.charAt(index);
            switch (character) {
                case '&' -> html.append("&amp;");
                case '<' -> html.append("&lt;");
                case '>' -> html.append("&gt;");
                case '"' -> html.append("&quot;");
                case '\'' -> html.append("&#39;");
                default -> html.append(character);
            }
        }
        return html;
    }
}
