package dev.d3s.plugins.d3s;

import java.util.List;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.ScheduleContract;
import dev.d3s.spi.ScheduleFactory;

/** Every one that {@link D3sPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class SchedulesContractTest extends ScheduleContract {
    private final ScheduleFactory factory;

    SchedulesContractTest(ScheduleFactory factory) {
        this.factory = factory;
    }

    static List<ScheduleFactory> factories() {
        return new D3sPlugin().schedules();
    }

    @Override
    protected ScheduleFactory factory() {
        return factory;
    }

    @Override
    protected boolean endsAtTo() {
        return !factory.name().equals("constant");
    }
}
