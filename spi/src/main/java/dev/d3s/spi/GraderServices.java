package dev.d3s.spi;

import java.net.URI;
import java.net.http.HttpRequest;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What the server does for graders. Thread-safe.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>Every method may be called from {@link RewardFunctionFactory#create} and, but for {@link #grader}, from
 * {@link RewardFunction#grade} too, on any thread.</li>
 * <li>What {@link #grader} makes is under the checks of the contract, as a job's own grader is. Whoever asks closes it.</li>
 * <li>Graders nest at most 8 deep, and one job has at most 64 of them.</li>
 * <li>{@link #complete} blocks its thread until the completion has ended, and obeys an interrupt.</li>
 * </ol>
 */
public interface GraderServices {
    /** For a grader that stands alone, as in a test: refuses everything. */
    static GraderServices none() {
        return NoServices.INSTANCE;
    }

    /**
     * Makes another grader.
     *
     * @param path where it stands in the configuration of the one that asks, for messages: {@code graders.exact}
     * @param members as a job writes them: {@code type} and the options beside it
     * @throws InvalidConfigException naming every mistake; the keys of its problems begin with the path
     * @throws D3sException for a fault of that plugin
     */
    RewardFunction grader(String path, Map<String, ?> members);

    /**
     * Why a model cannot be sampled, for a message when the job is submitted.
     *
     * @param model an id of {@code GET /v1/models}
     * @return {@code null} when it can
     */
    @Nullable
    String modelProblem(String model);

    /**
     * Samples a model of this server.
     *
     * @throws D3sException when there is no such model, or it cannot do this
     */
    ModelCompletion complete(ModelRequest request) throws InterruptedException;

    /**
     * Begins an HTTP request to a URL that a job names; the way to reach a service, since it refuses addresses inside the
     * operator's network that are not allowed. Make one for each attempt, and send it with an {@link OutgoingClient} or another
     * client that follows no redirections.
     *
     * @throws D3sException when the URL is no http one, leads to an address that is not allowed, or there is no such host
     */
    default HttpRequest.Builder request(URI uri) {
        return new OutgoingRequests(this::mayReachInternal).to(uri);
    }

    /**
     * Whether a grader may connect to an address inside the operator's network, such as loopback or a private one. Addresses
     * of the open internet are not asked for.
     *
     * @param host as in the URL: a name or a literal address, without brackets
     */
    boolean mayReachInternal(String host, int port);
}
