// Cargo wants a target. SPDX-License-Identifier: Apache-2.0
