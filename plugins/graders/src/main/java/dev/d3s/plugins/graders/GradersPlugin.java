package dev.d3s.plugins.graders;

import java.util.List;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.RewardFunctionFactory;

/** The graders that come with the server. Found by {@link java.util.ServiceLoader}. */
public final class GradersPlugin implements Plugin {
    @Override
    public List<RewardFunctionFactory> rewardFunctions() {
        return List.of(new StringCheckGrader.Factory(), new TextSimilarityGrader.Factory(), new MathGrader.Factory(),
                new MultiGrader.Factory(), new ScoreModelGrader.Factory(), new HttpGrader.Factory(),
                new FormatGrader.Factory(), new LengthGrader.Factory());
    }
}
