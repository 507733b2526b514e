package org.example.d3s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;

import org.junit.jupiter.api.Test;

import dev.d3s.plugins.testkit.RewardFunctionContract;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

class LengthBudgetTest extends RewardFunctionContract {
    @Override
    protected RewardFunctionFactory factory() {
        return new LengthBudget.Factory();
    }

    @Test
    void shouldFallFromTheBudgetOn() {
        LengthBudget grader = new LengthBudget(4, 0.5, "budget");
        assertEquals(1, grader.score(completion("four", Map.of())));
        assertEquals(0.5, grader.score(completion("fives", Map.of())));
        assertEquals(0, grader.score(completion("so long", Map.of())));
        assertEquals(1, grader.score(completion("so long", Map.of("budget", 10))));
        assertThrows(D3sException.class, () -> grader.score(completion("", Map.of("budget", "ten"))));
    }

    private static RewardInput completion(String text, Map<String, Object> item) {
        return new RewardInput("", text, false, item);
    }
}
