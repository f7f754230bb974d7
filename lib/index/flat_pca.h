/* flat_pca.h - the directions along which items differ most. */
#ifndef RTVI_FLAT_PCA_H
#define RTVI_FLAT_PCA_H

#include "index/flat_reduction.h"
#include "index/flat_state.h"

#define RTVI_PCA_MOST_DIM 4096 /* with 4096 the solver takes minutes and 400 MB */

/* Fills mean, matrix, variance and fit_items of a reduction of RTV_REDUCE_PCA (the rest is set) from at most fit_items items of a view.
 * Errors: INVALID_ARGUMENT (whitening of directions in which the items do not differ), CANCELLED, OUT_OF_MEMORY. */
int32_t rtvi_pca_fit(rtvi_flat *view, rtvi_team *team, int64_t fit_items, const rtvi_report *report, rtvi_reduction *reduction,
                     rtv_error *error);

#endif
