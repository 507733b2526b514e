/** The selections that D3S is compared with. */
@NullMarked
package dev.d3s.plugins.baselines;

import org.jspecify.annotations.NullMarked;
